#include "server/store/postgres/home/unavailable_places.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/store/postgres/home/postgres_home.h"
#include "server/store/postgres/place/placement.h"
#include "server/store/sqlite/sqlite_home.h"
#include "tests/support/postgres_database.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

namespace mirror::unavailable_places_test {
namespace {

using absl::StatusCode;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Optional;
using testing::SizeIs;

constexpr std::int64_t kNoonMs = 1'714'564'800'000;  // 2024-05-01T12:00:00Z

/// A server over a control database and the places p1, which it has open, and p2, which did not answer.
class UnavailablePlacesTest : public PostgresDatabaseTest {
 protected:
  void Fill() override {
    late_conninfo_ = server_->NewDatabase();
    open_conninfo_ = server_->NewDatabase();
    control_ = ControlAt(conninfo_);
    places_ = {Place("p1", open_conninfo_), Place("p2", late_conninfo_)};
    ASSERT_THAT(AdmitPlace(*places_[0], places_, OtherPlaces::kWereAsked), IsOk());
  }
  static std::shared_ptr<PostgresControl> ControlAt(const std::string& conninfo) {
    auto control = PostgresControl::Open({.conninfo = conninfo});
    EXPECT_THAT(control.status(), IsOk());
    return control.ok() ? *control : nullptr;
  }
  static std::shared_ptr<PostgresPlace> Place(const std::string& name, const std::string& conninfo,
                                              const std::string& session = "mirror-server") {
    PlaceOptions options{.name = name, .conninfo = conninfo, .connections = 2};
    options.application_name = session;
    return PostgresPlace::Closed(options, kNoonMs);
  }
  PostgresPlace& late() { return *places_[1]; }
  /// How many are closed behind it; what it tells is in `told_`.
  std::size_t Look() {
    UnavailablePlaces places(control_, places_);
    return Look(places);
  }
  std::size_t Look(UnavailablePlaces& places) {
    told_.clear();
    return places.Look(Hear());
  }
  ClosedPlaces::Tell Hear() {
    return [this](const ClosedPlaces::Told& told) {
      told_.push_back(absl::StrCat(told.place, told.is_open ? " open: " : " closed: ", told.words));
    };
  }
  std::unique_ptr<StoreHome> Home() {
    folders_.push_back(std::make_unique<ScratchFolder>());
    auto files = OpenSqliteHome(folders_.back()->path(), SqliteOptions{});
    EXPECT_THAT(files.status(), IsOk());
    auto home = OpenPostgresHome(control_, places_, {.files = *std::move(files)});
    EXPECT_THAT(home.status(), IsOk());
    return home.ok() ? *std::move(home) : nullptr;
  }
  /// By a server that had both open, where there is the most room.
  void MakeMirror(const std::string& context_id) {
    const auto before = std::exchange(places_, {places_[0], Place("p2", late_conninfo_)});
    ASSERT_THAT(places_[1]->Admit(), IsOk());
    ASSERT_THAT(Home()->Open(context_id, true, {}).status(), IsOk());
    places_ = before;
  }

  std::string late_conninfo_, open_conninfo_;
  std::shared_ptr<PostgresControl> control_;
  std::vector<std::shared_ptr<PostgresPlace>> places_;
  std::vector<std::string> told_;
  std::vector<std::unique_ptr<ScratchFolder>> folders_;
};

TEST_F(UnavailablePlacesTest, OnePlaceThatDoesNotAnswerIsClosedUntilItDoes) {
  Shut(late_conninfo_);
  EXPECT_EQ(Look(), 1U);
  EXPECT_THAT(told_, IsEmpty());
  for (const PlaceUse use : {PlaceUse::kWrite, PlaceUse::kRead, PlaceUse::kScan}) {
    EXPECT_THAT(late().Take(use).status(),
                StatusIs(StatusCode::kUnavailable,
                         AllOf(HasSubstr("the place 'p2' has not answered this server since its start, "
                                         "2024-05-01T12:00:00Z"),
                               HasSubstr("is not currently accepting connections"),
                               HasSubstr("Check that this PostgreSQL runs"))));
  }
  EXPECT_THAT(places_[0]->Take(PlaceUse::kRead), IsOk());
  LetIn(late_conninfo_);
  EXPECT_THAT(late().Take(PlaceUse::kRead), Not(IsOk())) << "nobody has looked at it yet";
  EXPECT_EQ(Look(), 0U);
  EXPECT_THAT(told_, ElementsAre("p2 open: the place 'p2' answers, and its mirrors are served"));
  EXPECT_THAT(late().Take(PlaceUse::kWrite), IsOk());
  EXPECT_EQ(late().WhyClosed(), "");
  EXPECT_EQ(Connect(late_conninfo_)->Number("SELECT count(*) FROM mirror_place.mark").value_or(-1), 0);
}

TEST_F(UnavailablePlacesTest, WhatIsWrongWithOneThatAnswersIsToldOnceAndLookedAtAgain) {
  ASSERT_THAT(connection_->Execute("CREATE ROLE late_plain LOGIN"), IsOk());
  places_[1] = Place("p2", absl::StrCat(late_conninfo_, " user=late_plain"));
  UnavailablePlaces places(control_, places_);
  EXPECT_EQ(Look(places), 1U);
  const auto words =
      AllOf(HasSubstr("the place 'p2', which did not answer at this server's start"),
            HasSubstr("GRANT SET ON PARAMETER session_replication_role"), HasSubstr("needs no restart"));
  EXPECT_THAT(told_, ElementsAre(AllOf(HasSubstr("p2 closed: "), words)));
  EXPECT_THAT(late().Take(PlaceUse::kRead).status(), StatusIs(StatusCode::kUnavailable, words));
  EXPECT_THAT(places.FindClosed(), ElementsAre("p2"));
  EXPECT_EQ(Look(places), 1U);
  EXPECT_THAT(told_, IsEmpty());
  const auto there = Connect(late_conninfo_);
  EXPECT_EQ(there->Number("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'mirror%'").value_or(-1), 0);
  const std::string database = there->Query("SELECT quote_ident(current_database())")->Text(0, 0);
  ASSERT_THAT(there->Execute(absl::StrCat("GRANT SET ON PARAMETER session_replication_role TO late_plain; "
                                          "GRANT CREATE ON DATABASE ",
                                          database, " TO late_plain")),
              IsOk());
  EXPECT_EQ(Look(places), 0U);
  EXPECT_THAT(told_, ElementsAre(HasSubstr("p2 open: ")));
  EXPECT_THAT(places.FindClosed(), IsEmpty());
  places_.clear();
  EXPECT_THAT(there->Execute("DROP OWNED BY late_plain CASCADE; DROP ROLE late_plain"), IsOk());
}

TEST_F(UnavailablePlacesTest, ADatabaseThatIsAnotherPlacesStaysClosedAlsoBehindItsRestart) {
  auto own = PostgresServer::Start();
  ASSERT_THAT(own.status(), IsOk());
  const std::string conninfo = (*own)->NewDatabase();
  places_ = {Place("p1", conninfo), Place("p2", conninfo)};
  ASSERT_THAT(AdmitPlace(*places_[0], places_, OtherPlaces::kWereAsked), IsOk());
  (*own)->Stop();
  ASSERT_THAT((*own)->StartAgain(), IsOk());
  EXPECT_EQ(Look(), 1U);
  EXPECT_THAT(told_, ElementsAre(HasSubstr("'p1' and 'p2' are the same database")));
}

TEST_F(UnavailablePlacesTest, APlaceOfAnotherControlDatabaseStaysClosedWhileItsServersRun) {
  places_[1] = Place("p2", late_conninfo_, "mirror-server 11111111");
  {
    const auto others = Place("p9", late_conninfo_, "mirror-server 22222222");
    ASSERT_THAT(others->Admit(), IsOk());
    const auto held = others->Take(PlaceUse::kRead);
    EXPECT_EQ(Look(), 1U);
    EXPECT_THAT(told_, ElementsAre(HasSubstr("the place 'p2' is in use by servers whose [postgres] "
                                             "'control' is another database")));
  }
  EXPECT_EQ(Look(), 0U);
}

TEST_F(UnavailablePlacesTest, MirrorsOfTheOtherPlacesAreServedAndNoneIsMadeTwice) {
  MakeMirror("First");
  MakeMirror("Late");
  Shut(late_conninfo_);
  control_ = ControlAt(server_->NewDatabase());  // It was lost.
  EXPECT_EQ(Look(), 1U);
  const auto home = Home();
  EXPECT_THAT(home->Recover(), IsOkAndHolds(SizeIs(1)));
  EXPECT_THAT(home->Open("First", true, {}).status(), IsOk());
  EXPECT_THAT(home->Open("Late", true, {}).status(),
              StatusIs(StatusCode::kUnavailable, HasSubstr("the place 'p2' has not answered")));
  LetIn(late_conninfo_);
  EXPECT_EQ(Look(), 0U);
  EXPECT_THAT(home->FindSpelling("late"), IsOkAndHolds(Optional(std::string("Late"))));
  EXPECT_THAT(home->Open("Late", false, {}).status(), IsOk());
  EXPECT_THAT(home->Open("New", true, {}).status(), IsOk());
  EXPECT_THAT(home->FindAll(), IsOkAndHolds(SizeIs(3)));
}

TEST_F(UnavailablePlacesTest, KnownMirrorsAreListedWhileTheirPlaceIsClosed) {
  MakeMirror("Here");
  MakeMirror("Late");
  Shut(late_conninfo_);
  EXPECT_EQ(Look(), 1U);
  const auto home = Home();
  EXPECT_THAT(home->Recover(), IsOkAndHolds(SizeIs(2)));
  EXPECT_THAT(home->Open("Here", true, {}).status(), IsOk());
  EXPECT_THAT(home->Open("Late", true, {}).status(), StatusIs(StatusCode::kUnavailable, HasSubstr("'p2'")));
  EXPECT_THAT(home->TryWriting(), ElementsAre(HasSubstr("nothing can be written in the place 'p2': ")));
  LetIn(late_conninfo_);
  EXPECT_EQ(Look(), 0U);
  EXPECT_THAT(home->Open("Late", true, {}).status(), IsOk());
}

TEST_F(UnavailablePlacesTest, AtTheStartEachThatIsClosedIsToldAndThenTried) {
  std::promise<std::string> opened;
  UnavailablePlaces places(control_, places_);
  std::vector<std::string> closed;
  places.Start([&](const ClosedPlaces::Told& told) {
    if (told.is_open) return opened.set_value(told.place);
    closed.push_back(told.words);
  });
  EXPECT_EQ(opened.get_future().get(), "p2");
  places.Stop();
  EXPECT_THAT(closed, ElementsAre(HasSubstr("the place 'p2' has not answered")));
}

}  // namespace
}  // namespace mirror::unavailable_places_test
