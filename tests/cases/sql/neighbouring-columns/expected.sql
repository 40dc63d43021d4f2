CREATE TABLE a (
  id bigint,
  name varchar,
  size int
);

SELECT x, y FROM a WHERE z = 1;
