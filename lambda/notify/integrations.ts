// Lists the integrations of each receiver: topic, messages, and the subscriptions that receive them.

import type { Config, Route } from '../config/index.ts';
import { endpointKey, type Subscription } from '../deliver/subscriptions.ts';
import type { Digest } from '../report/digest.ts';
import { type RenderedAlert, renderAlert, renderChatMessages } from '../report/messages/sns-message.ts';
import { DEFAULT_ROUTE, type Receiver, receiversOf } from '../report/receiver.ts';
import type { Report } from '../report/schema.ts';

/** One way to notify one receiver. Each integration has a state of its own. */
export interface Integration {
  /** Unique; names the state of the integration. */
  readonly key: string;
  readonly receiver: Receiver;
  readonly topicArn: string;
  readonly render: (digest: Digest, report: Report) => readonly RenderedAlert[];
  /** Whether a subscription of the topic, once confirmed, may receive it. */
  readonly receives: (subscription: Subscription) => boolean;
  /** Whether a subscriber is expected: the configuration names one, or has no other way to notify the receiver. */
  readonly isExpected: boolean;
}

/** ARNs of topics. */
export interface Topics {
  /** The topic of the default route. */
  readonly alerts: string;
  /** The topic of all other routes together: a subscription filters on the message attribute `route`. */
  readonly routes?: string | undefined;
  /**
   * Topics of chat channels, by route; `all` is the default route. Under `*` an ARN in which `*` stands for the route,
   * for each route that has a Slack channel.
   */
  readonly chat: Readonly<Record<string, string>>;
}

/** The protocols by which endpoints of a route subscribe. */
const ROUTE_PROTOCOLS = ['email', 'https', 'sqs', 'lambda'] as const;

/** The default receiver comes first: the run's report has its decision. */
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
        // A subscription made by hand may receive it: only its owner knows its filter policy.
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
              // Amazon Q Developer subscribes by HTTPS; the other bodies of the message are not cards.
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

/** The routes that each endpoint of the configuration subscribes to. */
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
