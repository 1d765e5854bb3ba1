// The ways to each audience: its topics, its messages, and who of a topic's subscribers they are for.

import type { Config } from '../config/index.ts';
import { endpointKey, type Subscription } from '../deliver/subscriptions.ts';
import type { Digest } from '../report/digest.ts';
import { type RenderedAlert, renderAlert, renderChatMessages } from '../report/messages/sns-message.ts';
import { DEFAULT_ROUTE, type Receiver, receiversOf } from '../report/receiver.ts';
import type { Report } from '../report/schema.ts';

/** One way to one audience: its topic, its messages, and a memory of its own of what went that way. */
export interface Integration {
  /** Unique; what is remembered is remembered under it. */
  readonly key: string;
  readonly receiver: Receiver;
  readonly topicArn: string;
  readonly render: (digest: Digest, report: Report) => readonly RenderedAlert[];
  /** Whether a subscription of the topic, once confirmed, may receive it. */
  readonly receives: (subscription: Subscription) => boolean;
  /** Whether someone should receive it: the configuration names who, or has no other way to the audience. */
  readonly isExpected: boolean;
}

/** ARNs. */
export interface Topics {
  /** Everyone's. */
  readonly alerts: string;
  /** Of all routes together: each subscription to it filters on the message attribute `route`. */
  readonly routes?: string | undefined;
  /**
   * By the name of the route; `all` is everyone's. Under `*` an ARN in which `*` stands for the audience's name: of each
   * audience that has a Slack channel.
   */
  readonly chat: Readonly<Record<string, string>>;
}

type Route = Config['alerts']['routes'][number];

/** Protocols by which a route's endpoints subscribe. */
const ROUTE_PROTOCOLS = ['email', 'https', 'sqs', 'lambda'] as const;

/** Everyone's first: its decision is the report's. */
export function integrationsOf(alerts: Config['alerts'], topics: Topics, service: string): readonly Integration[] {
  const routesByEndpoint = endpoints(alerts.routes);
  return receiversOf(alerts).flatMap((receiver): Integration[] => {
    const { route: name } = receiver;
    const route = alerts.routes.find((each) => each.name === name);
    const { slack } = route ?? alerts;
    const named = route === undefined ? alerts.email : ROUTE_PROTOCOLS.flatMap((protocol) => route[protocol]);
    const isRoute = name !== DEFAULT_ROUTE && topics.routes !== undefined;
    const chat = chatTopic(topics.chat, name, slack.length > 0);
    return [
      {
        key: name,
        receiver,
        topicArn: isRoute ? (topics.routes ?? topics.alerts) : topics.alerts,
        render: (digest, report) => [renderAlert(digest, report, service)],
        // Someone who subscribed by hand may receive it: only the owner knows that subscription's filter policy.
        receives: isRoute
          ? ({ protocol, endpoint }) => routesByEndpoint.get(endpointKey(protocol, endpoint))?.has(name) ?? true
          : () => true,
        isExpected: named.length > 0 || slack.length === 0,
      },
      ...(chat === undefined
        ? []
        : [
            {
              key: `${name}#chat`,
              receiver,
              topicArn: chat,
              render: (digest: Digest) => renderChatMessages(digest, service),
              // Amazon Q Developer subscribes so, and only there the message is a card.
              receives: ({ protocol }: Subscription) => protocol === 'https',
              isExpected: true,
            },
          ]),
    ];
  });
}

function chatTopic(chat: Topics['chat'], name: string, hasChannel: boolean): string | undefined {
  if (Object.hasOwn(chat, name)) return chat[name];
  return hasChannel && Object.hasOwn(chat, '*') ? chat['*']?.replace('*', name) : undefined;
}

/** The routes of each endpoint of the configuration. */
function endpoints(routes: readonly Route[]): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  for (const route of routes) {
    for (const protocol of ROUTE_PROTOCOLS) {
      for (const address of route[protocol]) {
        const key = endpointKey(protocol, address);
        found.set(key, (found.get(key) ?? new Set()).add(route.name));
      }
    }
  }
  return found;
}
