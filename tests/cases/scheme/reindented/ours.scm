(define x 1)
(define (f a b)
    (display a)
    (display b))
