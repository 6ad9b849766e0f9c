#ifndef MIRROR_TESTS_SERVER_TENANT_CYCLES_PLAY_MIRROR_H_
#define MIRROR_TESTS_SERVER_TENANT_CYCLES_PLAY_MIRROR_H_

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/folded_name.h"
#include "tests/server/tenant/cycles/world.h"

namespace mirror::model {

struct OutPart {
  std::string table;
  std::uint64_t value_id = 0;
  std::uint64_t offset = 0;
  std::string data;
};

struct Request {
  std::vector<OutPart> parts;
  std::vector<OutBatch> batches;
  Position advance_to;
  std::vector<std::pair<std::string, Lsn>> advance;
};

/// One tenant's mirror, and the model of it.
class PlayMirror {
 protected:
  PlayMirror(World& world, std::string context_id)
      : world_(world),
        dice_(world.dice()),
        context_id_(std::move(context_id)),
        owner_(world.ground().BesideOf(context_id_)),
        source_(world.dice(), world.ground().KeepsAnyInKeys()) {}
  virtual ~PlayMirror() = default;

  void Trace(const std::string& line) { world_.Trace(absl::StrCat(context_id_, ": ", line)); }

  Caller CallerNow() {
    return {.context_id = context_id_,
            .issuer = "issuer",
            .environment = "test",
            .application_id = "application",
            .nonce = absl::StrCat("nonce", ++nonces_),
            .expires_ms = world_.now_ms() + 420'000};
  }

  struct PartnerObject {
    std::string name, type, table, hash;
  };
  struct MirrorCopy {
    std::string path;
    MirrorModel model;
    std::vector<PartnerObject> partner;
    std::set<std::string> unique_indexes;
  };

  /// A mirror has its file from the end of its first cycle on.
  bool OwnerSees() const { return made_ && owner_has_file_ && !replaced_ && !building_; }
  bool FileIsThere() const { return owner_->IsThere(); }

  void EndCycle() {
    model_.EndCycle();
    building_ = false;
    Require(FileIsThere(), "with the end of its cycle a mirror has its file");
  }

  std::shared_ptr<Tenant> tenant() {
    absl::StatusOr<std::shared_ptr<Tenant>> found =
        owner_has_file_ ? world_.tenants().Find(CallerNow()) : world_.tenants().FindOrTakeIn(CallerNow());
    Require(found.ok(), "Find: " + std::string(found.status().message()));
    return *found;
  }

  /// What the server noted of a cycle counts for a copy from the middle of that cycle, too.
  bool Idle() const {
    const std::int64_t noted_ms = noted_cycle_ == model_.cycle ? noted_ms_ : 0;
    return world_.now_ms() - std::max(model_.progress_ms, noted_ms) > 600'000;
  }

  /// The call's status, as it must be while the agent's cycle runs or does not.
  void Expect(const absl::Status& status, const char* call) {
    const bool idle = Idle();
    if (owner_has_file_ && !replaced_ && model_.active && model_.cycle == cycle_) {
      if (idle) {
        Require(absl::IsAborted(status), absl::StrCat(call, " after 10 minutes: ", status.ToString()));
        EndCycle();
        throw CycleOver();
      }
      Require(status.ok(), absl::StrCat(call, ": ", status.ToString()));
      model_.progress_ms = noted_ms_ = world_.now_ms();
      noted_cycle_ = cycle_;
      served_ = true;
      return;
    }
    Noticed();
    Require(absl::IsAborted(status), absl::StrCat(call, " in a cycle that is over: ", status.ToString()));
    throw CycleOver();
  }

  /// The server has looked at its file: where another one stands, the running cycle is over.
  void Noticed() {
    if (replaced_ && owner_has_file_) EndCycle();
    replaced_ = false;
  }

  MirrorTable* FindTable(const std::string& key) {
    const auto found = model_.tables.find(key);
    return found == model_.tables.end() ? nullptr : &found->second;
  }

  // --- The mirror against the model ---

  static std::string Differences(const Beside::Rows& wanted, const Beside::Rows& found) {
    std::string text;
    const auto print = [&](const char* mark, const Beside::Rows& from, const Beside::Rows& other) {
      for (const std::vector<std::string>& row : from) {
        if (std::binary_search(other.begin(), other.end(), row)) continue;
        absl::StrAppend(&text, "  ", mark);
        for (const std::string& value : row) absl::StrAppend(&text, " | ", Printable(value));
        absl::StrAppend(&text, "\n");
      }
    };
    print("missing:  ", wanted, found);
    print("too many: ", found, wanted);
    return text;
  }

  void Check() {
    if (!OwnerSees()) return;
    const Beside::Rows tenant_row = owner_->Tenant();
    Require(tenant_row == Beside::Rows{{absl::StrCat("I", model_.cycle), model_.active ? "I1" : "I0"}},
            absl::StrCat("the cycle is ", tenant_row[0][0], tenant_row[0][1], " and not ", model_.cycle));
    const Beside::Rows metadata = owner_->Query(absl::StrCat(
        "SELECT table_name, lsn, lineage, pending_lsn, pending_lineage, seq, row_count, cycle FROM ",
        QuoteName(context_id_ + "_mirroring")));
    std::size_t records = 0;
    for (const auto& [key, table] : model_.tables) records += table.has_record ? 1U : 0U;
    Require(metadata.size() == records, absl::StrCat(metadata.size(), " metadata rows and not ", records));
    for (const std::vector<std::string>& row : metadata) {
      const MirrorTable* table = FindTable(FoldName(row[0].substr(1)));
      Require(table != nullptr && table->has_record, "a metadata row too many: " + row[0]);
      CheckRecord(*table, row);
    }
    std::size_t visible = 1;
    for (const auto& [key, table] : model_.tables) visible += table.agreed ? 1U : 0U;
    const std::size_t present = owner_->Tables();
    Require(present == visible, absl::StrCat(present, " tables are there and not ", visible));
    std::size_t shadows = 0;
    for (const auto& [key, table] : model_.tables) shadows += table.shadow ? 1U : 0U;
    const Beside::Leftovers left = owner_->LeftBehind();
    Require(left.shadows == static_cast<std::int64_t>(shadows),
            absl::StrCat(left.shadows, " shadows are there and not ", shadows));
    Require(model_.active || left.parts == 0, "parts outlive their cycle");
    for (const auto& [key, table] : model_.tables) {
      if (table.agreed && table.visible_known) CheckRows(table);
    }
  }

  void CheckRecord(const MirrorTable& table, const std::vector<std::string>& row) {
    const auto number = [](std::int64_t value) { return absl::StrCat("I", value); };
    const std::string where = absl::StrCat("'", table.name, "': ");
    Require(row[0] == "T" + table.name, where + "its name is " + row[0]);
    Require(row[1] == number(table.position.lsn.value),
            absl::StrCat(where, "LSN ", row[1], " and not ", table.position.lsn.value));
    if (table.position.lsn != Lsn{}) Require(row[2] == "B" + table.position.lineage, where + "lineage");
    Require(row[3] == (table.pending ? number(table.pending->lsn.value) : "N"),
            where + "pending LSN " + row[3]);
    if (table.pending) Require(row[4] == "B" + table.pending->lineage, where + "pending lineage");
    if (table.cycle == model_.cycle) {
      Require(row[5] == number(static_cast<std::int64_t>(table.seq)), where + "seq " + row[5]);
      Require(row[7] == number(table.cycle), where + "cycle " + row[7]);
    }
    if (!table.agreed) return;  // Somebody dropped it.
    const auto count = static_cast<std::int64_t>(table.rows.size());
    Require(row[6] == number(table.counted ? count : -1),
            absl::StrCat(where, "row_count ", row[6], " and not ", table.counted ? count : -1));
  }

  void CheckRows(const MirrorTable& table) {
    Beside::Rows found = owner_->RowsOf(table);
    Beside::Rows wanted;
    for (const auto& [key, row] : table.rows) wanted.push_back(row);
    std::sort(found.begin(), found.end());
    std::sort(wanted.begin(), wanted.end());
    Require(found == wanted, absl::StrCat("'", table.name, "': readers see other rows than the model has\n",
                                          Differences(wanted, found)));
  }

  void CheckPartner() {
    if (!OwnerSees()) return;
    for (const PartnerObject& object : partner_) {
      const MirrorTable* table = FindTable(object.table);
      const bool same = table != nullptr && table->agreed && table->hash == object.hash;
      // An index stays where the definition did; one that rows broke may be left out.
      if (object.type == "index" && (!same || unique_indexes_.contains(object.table))) continue;
      Require(owner_->Has(object.name),
              absl::StrCat("the partner's ", object.type, " ", object.name, " is gone"));
    }
  }

  World& world_;
  Dice& dice_;
  const std::string context_id_;
  const std::unique_ptr<Beside> owner_;
  Source source_;
  MirrorModel model_;
  bool made_ = false;            ///< The server knows the tenant.
  bool building_ = false;        ///< Its mirror has no file yet.
  bool owner_has_file_ = false;  ///< The mirror file is there.
  bool replaced_ = false;        ///< Another file stands there, and the server has not looked yet.
  std::int64_t cycle_ = 0;
  std::string holder_;
  Position target_;
  std::uint64_t nonces_ = 0, value_ids_ = 0;
  std::vector<Request> history_;                       ///< Of the running cycle.
  std::map<std::string, std::string> announced_hash_;  ///< By folded name.
  std::set<std::string> unique_indexes_;               ///< Tables, folded.
  std::vector<PartnerObject> partner_;                 ///< What the partner made.
  bool unique_refused_ = false;
  bool ended_ = false;                           ///< Rows ended the running cycle.
  bool served_ = false;                          ///< This server process has served the running cycle.
  std::int64_t noted_cycle_ = 0, noted_ms_ = 0;  ///< Of the last call of a cycle to this server process.
  std::vector<Source> source_backups_;
  std::vector<MirrorCopy> copies_;
  std::uint64_t copies_made_ = 0;
};

}  // namespace mirror::model

#endif  // MIRROR_TESTS_SERVER_TENANT_CYCLES_PLAY_MIRROR_H_
