#ifndef MIRROR_CLIENT_EXCHANGE_MIRRORED_VALUE_H_
#define MIRROR_CLIENT_EXCHANGE_MIRRORED_VALUE_H_

#include "base/db/sqlite/value.h"
#include "proto/wire/batch.h"
#include "proto/wire/table.h"

namespace mirror {

/// A value that a reader gives, as its mirror keeps it, and so hub and deliveries: see AddValueToDigest().
sqlite::Value AsMirrored(const Column& column, const Value& value);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_MIRRORED_VALUE_H_
