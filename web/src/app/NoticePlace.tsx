import { Notifications } from '@mantine/notifications';
import '@mantine/notifications/styles.css';

export default function NoticePlace() {
  return <Notifications position="bottom-right" />;
}
