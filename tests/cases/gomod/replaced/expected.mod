module a.b/c

go 1.20

require (
	a.b/d v1.0.0
	a.b/g v1.2.0
)

replace a.b/d => a.b/e v1.0.0

exclude a.b/g v1.1.0
