CREATE TABLE a (
  id int,
  name text,
  kind int,
  size int
);

SELECT x, y FROM a WHERE z = 1;
