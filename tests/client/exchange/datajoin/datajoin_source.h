#ifndef MIRROR_TESTS_CLIENT_EXCHANGE_DATAJOIN_DATAJOIN_SOURCE_H_
#define MIRROR_TESTS_CLIENT_EXCHANGE_DATAJOIN_DATAJOIN_SOURCE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/exchange/datajoin/datajoin_layout.h"
#include "client/exchange/datajoin/datajoin_objects.h"
#include "client/exchange/datajoin/sqlite_boxes.h"
#include "tests/client/exchange/exchange_source.h"

namespace mirror {

/// A source with DataJoin's tables, and what an agent does with them.
class DatajoinSource : public ExchangeSource {
 protected:
  void StartWith(OutboxFrom from, const std::string& sql, const std::vector<std::string>& tables) {
    Start(sql, tables);
    boxes_ = std::make_unique<SqliteBoxes>(importer_->file(), rules_);
    ASSERT_THAT(MakeDatajoinObjects(*boxes_, SqliteBoxes::Statements()), IsOk());
    ASSERT_THAT(EnsureDatajoinRows(boxes_->sql(), "testapp1"), IsOk());
    StartRound(from);
  }
  void StartRound(OutboxFrom from) {
    round_ = {.database = "testapp1", .from = from, .steps = rules_.steps};
    layout_ = std::make_unique<DatajoinLayout>(*boxes_, round_);
    importer_->set_layout(layout_.get());
  }

  /// Whatever a push does before it sends.
  void Ready() { ASSERT_THAT(layout_->ReadyOutbox(now_), IsOk()); }
  /// A push that is done, and an answer behind it.
  void Fetch(std::vector<v1::Delivery> deliveries, bool whole = true) {
    Ready();
    ASSERT_THAT(EmptyInbox(importer_->file()), IsOk());
    ASSERT_THAT(FillInbox(importer_->file(), {std::move(deliveries), whole}, now_, layout_.get()), IsOk());
  }

  std::vector<std::string> Outbox() {
    return Rows(
        "SELECT id, object_table, object_pk_attribute, object_id, object_operation, object_attribute, "
        "object_value FROM ds_change_outbox ORDER BY id");
  }
  std::vector<std::string> Inbox() {
    return Rows(
        "SELECT id, object_id, object_operation, object_attribute, object_value, note1 FROM ds_change_inbox "
        "ORDER BY id");
  }
  /// Pointer and status.
  std::string Program(const std::string& id) {
    return Rows("SELECT fromoutboxpointer, status FROM ds_program_parameter WHERE id = '" + id + "'").at(0);
  }

  std::unique_ptr<SqliteBoxes> boxes_;
  DatajoinRound round_;
  std::unique_ptr<DatajoinLayout> layout_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_CLIENT_EXCHANGE_DATAJOIN_DATAJOIN_SOURCE_H_
