"""The releases on the package index, and the catalogue entries for them.

`settings` says which index that is, `index` reads its pages and `wheel` looks into a wheel;
everything else here is pure: `offers` (wheels → versions), `table` (versions beside the catalogue),
`proposal` (a version → the catalogue's entry), `insert` (an entry → the catalogue's text) and
`prereleases` (versions → releases that the catalogue does not hold). `packages` is for any other
package: its files → the releases that one Python can have.
"""
