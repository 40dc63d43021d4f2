CREATE TABLE a (
  id bigint,
  name text,
  size int
);

SELECT x, y FROM a WHERE z = 1;
