(define x 3)
(define (f a b)
  (display a)
  (display b))
