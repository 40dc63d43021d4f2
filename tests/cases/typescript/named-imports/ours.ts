import { a, b, c } from './x';
