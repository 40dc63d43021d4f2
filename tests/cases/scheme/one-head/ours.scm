(define x 1)
(define (f c b)
  (display a)
  (display b))
