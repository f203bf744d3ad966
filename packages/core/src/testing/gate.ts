export { Gate } from '@oxbow/faults/suite';
