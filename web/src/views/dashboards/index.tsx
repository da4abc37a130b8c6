import { useParams } from 'wouter';
import { DashboardList } from './DashboardList';
import { DashboardPage } from './DashboardPage';

export default function View() {
  const { id } = useParams<{ id?: string }>();
  return id === undefined ? <DashboardList /> : <DashboardPage id={id} />;
}
