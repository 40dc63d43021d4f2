(define x 1)
(define (g a b)
  (display a)
  (display b))
