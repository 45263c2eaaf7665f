#!/usr/bin/python3
"""sqlite_shell.py LAUNCHER: the shell sorts with 4 worker threads."""
import contenders

STATEMENTS = """
PRAGMA threads=4; PRAGMA cache_size=200; PRAGMA temp_store=FILE; PRAGMA synchronous=OFF;
CREATE TABLE things (number, text);
WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n WHERE v < 150000)
  INSERT INTO things SELECT v * 7919 % 150001, printf('text %d', v * 104729 % 150001) FROM n;
CREATE INDEX by_text ON things (text);
CREATE INDEX by_number ON things (number, text);
SELECT count(*), sum(number) FROM things;
SELECT * FROM things ORDER BY text LIMIT 5;
SELECT * FROM things ORDER BY number % 1000, text LIMIT 5 OFFSET 75000;
PRAGMA integrity_check;
"""


def use(contender):
    return contender.run("sqlite3", contender.directory / "database", STATEMENTS)


contenders.compare(use, greenlets_min=4, kernel_threads_max=20)
