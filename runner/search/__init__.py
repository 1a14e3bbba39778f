"""Finding out about many releases by measuring few. Pure: says where to look, never looks.

`bisect` finds where one answer turns into another, `criteria` says what the answer is, `votes`
takes it from several runs, `answer` puts it into words; `explore` fills a row between what agrees.
"""
