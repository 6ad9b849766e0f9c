#ifndef MIRROR_CLIENT_EXCHANGE_UNPUSHED_TABLES_H_
#define MIRROR_CLIENT_EXCHANGE_UNPUSHED_TABLES_H_

#include <map>
#include <string>

#include "mirror/v1/mirror_client.pb.h"

namespace mirror {

/// Tables that the last push could not send, and why, by folded name as announced. What the hub does not know
/// of them it will not know behind the next push either, so that a conflict there would come at every run: it
/// is a refusal, which rests.
using UnpushedTables = std::map<std::string, std::string>;

/// Why a delivery that is in conflict is refused; empty: the next push tells of the row.
std::string WhyNotTold(const v1::Delivery& delivery, const UnpushedTables& unpushed);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_UNPUSHED_TABLES_H_
