"""Flaws of the files of a task."""

from segue_resource.domain import artifact
from segue_resource.endpoints import download

from threat_flaws.flaw import Patch, flaw


@flaw("XD-TASK-04", "a name leaves its task")
def a_path_is_what_its_writer_says(patch: Patch) -> None:
    patch.setattr(artifact, "normalise", lambda path: path)


@flaw("XD-TASK-04", "a name leaves its task")
def hidden_letters_stand_in_names(patch: Patch) -> None:
    patch.setattr(artifact, "is_name", lambda _: True)


@flaw("XD-WEB-11", "a file is opened as a page")
def a_file_is_served_as_its_writer_says(patch: Patch) -> None:
    patch.setattr(download, "served_as", lambda media_type: media_type)


@flaw("XD-WEB-11", "a file is opened as a page")
def a_file_is_shown_in_place(patch: Patch) -> None:
    patch.setattr(download, "disposition", lambda _: "inline")


@flaw("XD-WEB-11", "a file is opened as a page")
def a_name_is_put_into_the_header_as_it_is(patch: Patch) -> None:
    patch.setattr(
        download, "disposition", lambda path: f"attachment; filename={path.encode('ascii', 'ignore').decode()}"
    )
