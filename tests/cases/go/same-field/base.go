package a

type T struct {
	a int
	b int
}

func f(x int, y int) {
	g(x)
	g(y)
}
