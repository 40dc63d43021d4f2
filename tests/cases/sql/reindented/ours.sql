CREATE TABLE a (
    id int,
    name text,
    size int
);

SELECT x, y FROM a WHERE z = 1;
