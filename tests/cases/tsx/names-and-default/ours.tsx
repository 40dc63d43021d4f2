import React, { a } from 'react';
