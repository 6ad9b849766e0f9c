#ifndef MIRROR_CLIENT_RUN_EXCHANGE_RUN_H_
#define MIRROR_CLIENT_RUN_EXCHANGE_RUN_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cycle/exchange_figures.h"
#include "client/exchange/delivery_target.h"
#include "client/wire/mirror_client.h"

namespace mirror {

/// Fetches behind the completed `cycle`, and puts the answer into the source's inbox. Asks three times where
/// the hub is not ready; then there is nothing to be done in this run. Errors: those of the call and the
/// source; the inbox is as it was.
absl::Status Transport(DeliveryTarget& target, MirrorClient& client, std::int64_t cycle,
                       ExchangeFigures* figures);

/// Applies what is in the inbox, each in a transaction of its own, and reports it where `client` is given.
/// Errors: the source cannot be read or written; what was applied before stays.
absl::Status ImportInbox(DeliveryTarget& target, MirrorClient* client, std::int64_t cycle,
                         ExchangeFigures* figures);

/// Of a source that fetches none: how many deliveries wait for it, and what to do, in a sentence. Empty:
/// none, or the endpoint does not say. `accepts`: its configuration says that it takes some.
std::string WaitingUnfetched(MirrorClient& client, std::int64_t cycle, bool accepts);

}  // namespace mirror

#endif  // MIRROR_CLIENT_RUN_EXCHANGE_RUN_H_
