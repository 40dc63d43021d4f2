(define x 1)
(define (f c d)
  (display a)
  (display b))
