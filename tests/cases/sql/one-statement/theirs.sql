CREATE TABLE a (
  id int,
  name text,
  size int
);

SELECT x, w FROM a WHERE z = 1;
