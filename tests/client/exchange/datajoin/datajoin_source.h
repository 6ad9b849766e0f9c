#ifndef MIRROR_TESTS_CLIENT_EXCHANGE_DATAJOIN_DATAJOIN_SOURCE_H_
#define MIRROR_TESTS_CLIENT_EXCHANGE_DATAJOIN_DATAJOIN_SOURCE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/exchange/datajoin/datajoin_layout.h"
#include "client/exchange/datajoin/datajoin_objects.h"
#include "tests/client/exchange/exchange_source.h"

namespace mirror {

/// A source with DataJoin's tables, and what an agent does with them.
class DatajoinSource : public ExchangeSource {
 protected:
  void StartWith(OutboxFrom from, const std::string& sql, const std::vector<std::string>& tables) {
    Start(sql, tables);
    auto file = SqliteFile::Open(path_, Use::kChange);
    ASSERT_THAT(file, IsOk());
    file_ = *std::move(file);
    ASSERT_THAT(MakeDatajoinObjects(*file_, "testapp1"), IsOk());
    layout_ = std::make_unique<DatajoinLayout>("testapp1", rules_, from);
    importer_->set_layout(layout_.get());
  }

  /// Whatever a push does before it sends.
  void Ready() { ASSERT_THAT(layout_->ReadyOutbox(*file_, now_), IsOk()); }
  /// A push that is done, and an answer behind it.
  void Fetch(std::vector<v1::Delivery> deliveries, bool whole = true) {
    Ready();
    ASSERT_THAT(EmptyInbox(*file_, layout_.get()), IsOk());
    layout_->SetPushed({});
    ASSERT_THAT(FillInbox(*file_, {std::move(deliveries), whole}, now_, layout_.get()), IsOk());
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

  std::unique_ptr<SqliteFile> file_;
  std::unique_ptr<DatajoinLayout> layout_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_CLIENT_EXCHANGE_DATAJOIN_DATAJOIN_SOURCE_H_
