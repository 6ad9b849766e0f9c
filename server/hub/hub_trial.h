#ifndef MIRROR_SERVER_HUB_HUB_TRIAL_H_
#define MIRROR_SERVER_HUB_HUB_TRIAL_H_

#include "absl/status/status.h"
#include "server/hub/hub.h"
#include "server/hub/plan/derive.h"
#include "server/hub/plan/hub_book.h"
#include "server/hub/plan/hub_rules.h"

namespace mirror {

/// Does what is tried in a transaction that is taken back behind it, and says what became of records.
/// `input`: with what of the trial a derivation is told. Errors: those of Derive().
absl::Status TryIn(const HubRules& rules, const Hub::Trial& trial, const DeriveInput& input, HubBook* book,
                   Hub::Preview* preview);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_HUB_TRIAL_H_
