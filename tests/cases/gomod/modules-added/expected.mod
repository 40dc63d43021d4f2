module a.b/c

go 1.20

require (
	a.b/d v1.0.0
	a.b/g v1.2.0
	a.b/x v1.0.0
	a.b/y v1.0.0
)
