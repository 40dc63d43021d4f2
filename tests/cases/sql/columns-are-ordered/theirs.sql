CREATE TABLE a (
  id int,
  name text,
  zone int,
  size int
);

SELECT x, y FROM a WHERE z = 1;
