export { until } from '@oxbow/faults';
