#ifndef MIRROR_SERVER_HUB_PLAN_LOAD_COMPONENT_H_
#define MIRROR_SERVER_HUB_PLAN_LOAD_COMPONENT_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/hub/plan/component.h"
#include "server/hub/plan/hub_book.h"

namespace mirror {

/// A component as the book has it, and what it was, so that only differences are written.
struct LoadedComponent {
  Component now;
  Component was;
  KeyHashes looked;  ///< Keys whose owners are all in it.
};

/// All that may concern what `work` names: its records and rows, those that share a key with these, and so
/// on. Errors: the book's.
absl::StatusOr<LoadedComponent> LoadComponent(const HubRules& rules, const HubWork& work, HubBook* book);
/// Finds which of its own keys rows of other components have. Behind GoldenPlan(). Errors: the book's.
absl::Status LookElsewhere(HubBook* book, LoadedComponent* component);
/// Writes what the plans changed; nothing of it is work any more. `at`: the hub's time. Errors: the book's.
absl::Status SaveComponent(LoadedComponent component, std::int64_t at, HubBook* book);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_PLAN_LOAD_COMPONENT_H_
