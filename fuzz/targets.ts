// Lists all fuzz targets in the order in which they run.

import type { FuzzTarget } from './generators/fuzz-target.ts';
import { ANSWER_TARGETS } from './targets/answers.ts';
import { CONNECTION_LOG_TARGETS } from './targets/connection-log.ts';
import { CONVERSATION_TARGETS } from './targets/conversation.ts';
import { DOCUMENT_TARGETS } from './targets/documents.ts';
import { MESSAGE_TARGETS } from './targets/messages.ts';
import { NAME_TARGETS } from './targets/names.ts';
import { PROTOCOL_TARGETS } from './targets/protocol.ts';
import { SECRET_TARGETS } from './targets/secrets.ts';
import { SESSION_TARGETS } from './targets/session.ts';
import { TEXT_TARGETS } from './targets/texts.ts';

export const TARGETS: readonly FuzzTarget[] = [
  ...PROTOCOL_TARGETS,
  ...TEXT_TARGETS,
  ...SECRET_TARGETS,
  ...NAME_TARGETS,
  ...ANSWER_TARGETS,
  ...DOCUMENT_TARGETS,
  ...MESSAGE_TARGETS,
  ...CONVERSATION_TARGETS,
  ...SESSION_TARGETS,
  ...CONNECTION_LOG_TARGETS,
];
