CREATE TABLE a (
  id int,
  name varchar,
  size int
);

SELECT x, y FROM a WHERE z = 1;
