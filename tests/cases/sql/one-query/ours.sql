CREATE TABLE a (
  id int,
  name text,
  size int
);

SELECT x, y FROM b WHERE z = 1;
