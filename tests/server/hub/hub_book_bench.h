#ifndef MIRROR_TESTS_SERVER_HUB_HUB_BOOK_BENCH_H_
#define MIRROR_TESTS_SERVER_HUB_HUB_BOOK_BENCH_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "server/hub/plan/hub_book.h"
#include "tests/server/hub/hub_place.h"

namespace mirror {

/// The file of a hub of two entities, in either store, written and read without a derivation.
class HubBookTest : public EitherHubPlace {
 protected:
  void Fill() override {
    rules_.storage = "Acme";
    rules_.data_sources = {"crm", "erp"};
    for (const char* const name : {"company", "person"}) {
      HubEntity& entity = rules_.entities.emplace_back();
      entity.name = name;
      entity.match = {{"vat"}};
      for (const char* const attribute : {"vat", "City @ \"of\""}) entity.attributes[attribute];
      for (const char* const source : {"crm", "erp"}) {
        HubMember& member = entity.members.emplace_back();
        member.data_source = source;
        member.table = name;
        member.columns = {{"vat", "vat"}, {"City @ \"of\"", "city"}};
      }
    }
    Open();
  }
  void Open() {
    file_.reset();
    auto opened = place_->OpenHub(rules_);
    ASSERT_THAT(opened.status(), IsOk());
    file_ = *std::move(opened);
  }
  using Work = std::function<void(HubBook& book)>;
  void Write(const Work& work) {
    ASSERT_THAT(file_->Transact([&](HubBook& book) { return work(book), absl::OkStatus(); }), IsOk());
  }
  void Read(const Work& work) {
    ASSERT_THAT(file_->Read([&](HubBook& book) { return work(book), absl::OkStatus(); }), IsOk());
  }
  static MemberRow RowOf(const std::string& source, const std::string& key,
                         const std::string& golden_id = "") {
    MemberRow row;
    row.ref = {source, "company", key};
    row.entity = "company";
    row.golden_id = golden_id;
    row.says["vat"] = {.value = std::string("1"), .word = std::string("1"), .ms = 5, .own = true};
    row.touched = 7;
    row.read_at = 7;
    row.joined_by = "vat";
    return row;
  }
  static HubDelivery DeliveryOf(const std::string& id, HubOperation operation, std::int64_t number) {
    HubDelivery delivery;
    delivery.id = id;
    delivery.data_source = "erp";
    delivery.table = "company";
    delivery.operation = operation;
    delivery.key = operation == HubOperation::kInsert ? "" : "[7]";
    delivery.golden_id = "g";
    delivery.columns["city"] = {std::string("Rome"), 9};
    delivery.needs = 3;
    delivery.number = number;
    delivery.fresh = true;
    return delivery;
  }

  HubRules rules_;
  std::unique_ptr<HubFile> file_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_SERVER_HUB_HUB_BOOK_BENCH_H_
