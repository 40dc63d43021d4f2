package a

type T struct {
	a int
	b int
	d int
}

func f(x int, y int) {
	g(x)
	g(y)
}
