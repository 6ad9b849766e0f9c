#ifndef MIRROR_SERVER_STORE_NEW_RULE_H_
#define MIRROR_SERVER_STORE_NEW_RULE_H_

#include "proto/wire/table.h"

namespace mirror {

/// What stood in the column must not be kept in its former form.
inline bool HasNewRule(const Column& before, const Column& now) {
  return now.rule != Rule::kPlain && (before.rule != now.rule || before.rule_detail != now.rule_detail);
}

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_NEW_RULE_H_
