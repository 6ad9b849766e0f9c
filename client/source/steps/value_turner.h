#ifndef MIRROR_CLIENT_SOURCE_STEPS_VALUE_TURNER_H_
#define MIRROR_CLIENT_SOURCE_STEPS_VALUE_TURNER_H_

#include <optional>
#include <string>

#include "certs/keyed_hash.h"
#include "client/source/steps/table_steps.h"
#include "proto/wire/batch.h"

namespace mirror {

/// Hashes and masks values before they leave. Threads: one.
class ValueTurner {
 public:
  /// `key` may be null: then nothing can be hashed.
  explicit ValueTurner(const TenantHashKey* key) {
    if (key != nullptr) hash_.emplace(*key);
  }

  /// The text that is sent of a value that is not NULL. False: it could not be hashed.
  bool Turn(const TableSteps::Turn& turn, const Value& value, std::string* text);

 private:
  std::optional<KeyedHash> hash_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_STEPS_VALUE_TURNER_H_
