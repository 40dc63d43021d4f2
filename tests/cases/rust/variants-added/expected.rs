use a::b;

enum E {
    A,
    B,
    C,
    D,
}

fn f(x: u8, y: u8) {
    g(x);
    g(y);
}
