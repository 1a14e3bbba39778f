"""What was measured: runs in results/, kept, merged and compared."""
