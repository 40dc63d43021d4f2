package a

type T struct {
	a int
	b int
}

func f(x int8, y int16) {
	g(x)
	g(y)
}
