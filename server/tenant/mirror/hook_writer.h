#ifndef MIRROR_SERVER_TENANT_MIRROR_HOOK_WRITER_H_
#define MIRROR_SERVER_TENANT_MIRROR_HOOK_WRITER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "server/hooks/hook_book.h"
#include "server/hooks/hooks.h"
#include "server/plan/announce_plan.h"
#include "server/plan/comparison.h"
#include "server/plan/plan.h"

namespace mirror {

/// What a tenant writes down for hooks, in the transaction of what they are told.
/// Threads: any; it has no state.
class HookWriter {
 public:
  /// `hooks` may be null: there are none.
  HookWriter(const HookBook* hooks, const std::string& context_id) : hooks_(hooks), context_id_(context_id) {}

  /// At the end of a cycle. `tables` outlive what is returned, which is empty without hooks.
  HookNotes OfCompletion(std::int64_t cycle, std::int64_t now_ms,
                         const std::vector<CompletedTable>& tables) const;
  /// They are told what became of the tables, not what was planned.
  void AddTables(AnnouncePlan* planned) const;
  /// Of the tables whose population a step of `plan` begins.
  void AddWiped(Plan* plan) const;
  void Set(HookNotes notes, Plan* plan) const;
  /// `plan` was committed: who delivers them is woken.
  void Wake(const Plan& plan) const;
  /// What waits may be delivered from now on.
  void Wake() const;

 private:
  std::vector<HookNote> NotesFor(const char* event, std::int64_t cycle, std::int64_t now_ms,
                                 const std::function<std::string(const HookCycle&)>& text) const;

  const HookBook* const hooks_;
  const std::string context_id_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_HOOK_WRITER_H_
