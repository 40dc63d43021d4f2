package a

type T struct {
	a int
	b int
}

func f(x int, y int16) {
	g(x)
	g(y)
}
