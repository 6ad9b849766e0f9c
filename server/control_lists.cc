#include "server/control_lists.h"

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "base/status_macros.h"
#include "server/store/postgres/control/listed_rows.h"

namespace mirror {
namespace {

class ControlLists final : public SharedLists {
 public:
  explicit ControlLists(std::shared_ptr<PostgresControl> control) : control_(std::move(control)) {}

  absl::Status Forget(const std::string& context_id) override {
    return ForgetListedRow(*control_, context_id);
  }
  absl::Status Keep(const std::string& context_id, const ListedDocuments& documents) override {
    return KeepListedRow(*control_, context_id,
                         {documents.storage, documents.member, static_cast<std::int64_t>(documents.jobs)});
  }
  absl::StatusOr<std::map<std::string, ListedDocuments>> ReadAll() override {
    ASSIGN_OR_RETURN(auto rows, ReadListedRows(*control_));
    std::map<std::string, ListedDocuments> all;
    for (auto& [context_id, row] : rows) {
      all[context_id] = {std::move(row.storage), std::move(row.member), static_cast<std::uint64_t>(row.jobs)};
    }
    return all;
  }

 private:
  const std::shared_ptr<PostgresControl> control_;
};

}  // namespace

std::unique_ptr<SharedLists> MakeControlLists(std::shared_ptr<PostgresControl> control) {
  return std::make_unique<ControlLists>(std::move(control));
}

}  // namespace mirror
