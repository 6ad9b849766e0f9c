#ifndef MIRROR_CLIENT_RUN_EXCHANGE_RUN_H_
#define MIRROR_CLIENT_RUN_EXCHANGE_RUN_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/config/source_config.h"
#include "client/cycle/exchange_figures.h"
#include "client/exchange/exchange_rules.h"
#include "client/exchange/inbox_layout.h"
#include "client/wire/mirror_client.h"

namespace mirror {

/// Whether the source takes deliveries: its configuration accepts some, and it has the tables for them.
bool HasExchange(const SourceConfig& source);

/// What its owner lets the exchange do there.
ExchangeRules RulesOfExchange(const SourceConfig& source);

/// Before a push: what was fetched and not imported goes, since the hub did not know yet what is pushed.
/// `layout`, here and below: what else is told of the inbox; null: nothing.
absl::Status EmptyInboxOf(const SourceConfig& source, InboxLayout* layout);

/// Fetches behind the completed `cycle`, and puts the answer into the source's inbox. Asks three times where
/// the hub is not ready; then there is nothing to be done in this run. Errors: those of the call and the
/// source; the inbox is as it was.
absl::Status Transport(const SourceConfig& source, MirrorClient& client, std::int64_t cycle,
                       InboxLayout* layout, ExchangeFigures* figures);

/// Applies what is in the inbox, each in a transaction of its own, and reports it where `client` is given.
/// Errors: the source cannot be read or written; what was applied before stays.
absl::Status ImportInbox(const SourceConfig& source, MirrorClient* client, std::int64_t cycle,
                         InboxLayout* layout, ExchangeFigures* figures);

}  // namespace mirror

#endif  // MIRROR_CLIENT_RUN_EXCHANGE_RUN_H_
