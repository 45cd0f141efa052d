from devices.row_layout import AC, DC, RowLayout


def test_rows_of_the_first_instrument_go_on_behind_those_of_the_other() -> None:
    layout = RowLayout().followed_by(DC, row=0, time_s=0.0)
    layout = layout.followed_by(AC, row=10, time_s=90.0).followed_by(DC, row=14, time_s=95.0)
    assert layout.segments == ((1, DC), (11, AC), (15, DC))
    assert [layout.row_of_dc(own) for own in (1, 10, 11, 12)] == [1, 10, 15, 16]
    assert layout.dc_offset_s == 0.0


def test_a_reading_by_hand_belongs_to_no_stretch() -> None:
    layout = RowLayout(((1, DC), (11, AC)))
    assert layout.row_of_dc(10) == 10
    assert layout.row_of_dc(11) is None


def test_an_instrument_that_comes_second_counts_its_time_from_there() -> None:
    layout = RowLayout().followed_by(AC, row=0, time_s=0.0).followed_by(DC, row=4, time_s=5.5)
    assert (layout.dc_offset_s, layout.row_of_dc(1)) == (5.5, 5)
    assert layout.followed_by(AC, row=9, time_s=50.0).dc_offset_s == 5.5


def test_the_same_instrument_again_is_the_same_stretch() -> None:
    layout = RowLayout(((1, DC),))
    assert layout.followed_by(DC, row=10, time_s=90.0) is layout


def test_the_one_that_began_gives_the_name() -> None:
    layout = RowLayout(((1, AC), (5, DC)), dc_uid="04096331-1.00", ac_uid="palmsens-7")
    assert (layout.uid, layout.owner) == ("palmsens-7", DC)
    assert RowLayout().uid == ""


def test_a_layout_survives_being_written_and_read() -> None:
    layout = RowLayout(((1, AC), (5, DC)), dc_uid="04096331-1.00", dc_offset_s=5.5)
    assert RowLayout.from_document(layout.as_document()) == layout
