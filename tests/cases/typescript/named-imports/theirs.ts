import { a, c, d } from './x';
