#[derive(Clone)]
struct A;
